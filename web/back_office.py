"""The pages of those who run the provider: network, cards, logs, settings, staff."""

from web import audit_log, operators

BLUEPRINTS = (operators.pages, audit_log.pages)

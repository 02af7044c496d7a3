"""The pages of those who run the provider: network, cards, logs, settings, staff."""

from web import audit_log, nas, online, operators, packages, rejects

BLUEPRINTS = (
    operators.pages,
    nas.pages,
    packages.pages,
    online.pages,
    rejects.pages,
    audit_log.pages,
)

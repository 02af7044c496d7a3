"""The pages of those who run the provider: network, cards, logs, settings, staff."""

from web import (
    audit_log,
    card_actions,
    cards,
    imports,
    nas,
    online,
    operators,
    packages,
    rejects,
    runs,
    sell_cards,
    settings,
)

BLUEPRINTS = (
    operators.pages,
    imports.pages,
    nas.pages,
    packages.pages,
    online.pages,
    rejects.pages,
    cards.pages,
    card_actions.pages,
    sell_cards.pages,
    runs.pages,
    audit_log.pages,
    settings.pages,
)

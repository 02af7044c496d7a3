"""The pages for customers, in one list."""

from flask import Blueprint

from web.hotspot import pages as hotspot
from web.portal import pages as home
from web.portal_account import pages as account
from web.portal_connect import pages as connect
from web.portal_login import pages as login
from web.portal_packages import pages as packages
from web.portal_pay import pages as pay
from web.portal_recharge import pages as recharge
from web.portal_records import bills, payments, usage
from web.suspended import pages as suspended

BLUEPRINTS: tuple[Blueprint, ...] = (
    login,
    suspended,
    hotspot,
    home,
    connect,
    pay,
    packages,
    recharge,
    bills,
    payments,
    usage,
    account,
)

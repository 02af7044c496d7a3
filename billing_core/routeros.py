"""The lines that a MikroTik router must be told to ask us; pure."""


def routeros_lines(
    *, router: str, coa_port: int | None, interim_interval_seconds: int
) -> list[str]:
    """Return what to type into the router's terminal, in order.

    KHATA and SECRET stand for this server's address and the shared secret, which no
    page shows. The lines are those of docs/operators/mikrotik.md, which says why.
    """
    minutes, seconds = divmod(interim_interval_seconds, 60)
    every = f"{interim_interval_seconds}s" if seconds else f"{minutes}m"
    lines = [
        f'/radius add service=ppp,hotspot address=KHATA secret="SECRET"'
        f" src-address={router} timeout=3s",
        f"/ppp aaa set use-radius=yes accounting=yes interim-update={every}",
        "/ip hotspot profile set [find] use-radius=yes radius-accounting=yes"
        " radius-interim-update=received login-by=http-chap,cookie,mac-cookie",
        "/system ntp client set enabled=yes",
    ]
    if coa_port is not None:
        lines.insert(1, f"/radius incoming set accept=yes port={coa_port}")
    return lines

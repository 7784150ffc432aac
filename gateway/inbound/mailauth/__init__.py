"""Who really sent a mail, checked by ourselves (SPF, DKIM, DMARC), where Guichet is the mail exchanger; what the finding is worth is decided in `gateway/routing`.

`Authenticator(settings, setup)(raw, mail, envelope) -> Authentication | None`, from `gateway.inbound.mailauth.authenticate`. None: no connector that the
mail is for says `own_mx`. It never raises and never takes longer than `settings.mailauth.timeout`; trouble with the DNS is *nothing known*, never a failure.
The libraries (extra `mailauth`) are imported at the first mail that is checked.
"""

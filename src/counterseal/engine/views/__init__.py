"""Read-only pictures of the gateway for people and programs: frozen values, gathered in few queries, free of any markup.

One module per place of the console: ``home``, ``sent``, ``received``, ``documents``, ``certificates``, ``community`` (with partner
and agreement), ``wizard``. Each function takes a ``Reader`` and the community; ``names.gather`` reads what rows refer to by id
once, so that no row costs a query of its own. Instants are aware UTC.
"""

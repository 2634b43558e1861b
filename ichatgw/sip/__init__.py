"""SIP: sippy's messages, transactions and dialogs on our reactor.  Nothing outside this package imports sippy."""

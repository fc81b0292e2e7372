"""What a visitor is called: name, e-mail address, account."""

#: The maximum number of characters of a contact's name, e-mail address and account.
MAX_TEXT = 320

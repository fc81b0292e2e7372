"""The forms of ids that clients send, and what they are told of others."""

# 26 characters of 5 bits have 130 bits, and a ULID has 128.
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
NOT_A_ULID = "must be a ULID: 26 characters of 0-9 and A-Z without I, L, O and U, the first of them 0 to 7"

ID = r"[A-Za-z0-9_-]{1,64}"
NOT_AN_ID = "must be 1 to 64 letters, digits, '-' or '_'"

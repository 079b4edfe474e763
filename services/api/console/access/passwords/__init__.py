"""One module per type of password. Each offers ``verify``, which says whose name and password were given.

``own`` keeps an Argon2id hash with the account. Types that ask elsewhere (the phone system's PIN, the directory's
password) come as neighbours and are asked through a worker; none of them stores or logs what was typed.
"""

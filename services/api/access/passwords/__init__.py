"""The types of password: ``own`` keeps an Argon2id hash with the account; ``external`` asks the phone system for the
voicemail PIN or the directory for its password, through a worker. None of them stores or logs what was typed.
"""

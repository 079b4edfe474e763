"""Knows 3CX, and nothing of Active Directory.

Owns: reading extensions over XAPI, executing commands against it, the one access token.
Takes: ``relay_client.snapshot_extensions``, ``relay_client.execute_stage`` and the questions
``relay_client.test_phone_system``, ``relay_client.list_extensions``, and more; ``relay_client.send_welcome``.
Writes: ``snapshot_parts``, ``snapshot_pages``, ``commands`` (their outcome), ``bindings``, ``events``,
``phone_system_tokens``.
Never: executes a command that no plan holds, repeats a call whose outcome it has not read back.
"""

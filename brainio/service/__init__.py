"""The catalogs in force over HTTP: a JSON interface for programs, and catalogs that other machines put in force.

Needs the extra `service`; nothing else in brainio imports this room but the command that starts it. What entries,
searches and files are is the business of the rooms below; here they get addresses, rights and limits.
"""

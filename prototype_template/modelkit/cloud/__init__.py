"""Azure, for those who have it: which workspace, one client, and its errors in plain words.

Nothing here is imported before a command needs Azure, and nothing needs Azure but the commands that say so.
"""

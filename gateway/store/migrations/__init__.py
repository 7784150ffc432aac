"""The revisions of the schema, in order, run by `gateway/store/migrate.py`; the schema as it is now is `gateway/store/schema.py`."""

"""Makes the assertions of the story say what they saw."""

import pytest

pytest.register_assert_rewrite("tests.crash.story")
pytest.register_assert_rewrite("tests.crash.full_outbox")

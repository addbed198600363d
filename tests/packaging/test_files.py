"""Writing a file and hashing it at once."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.packaging.files import HashedWriter

steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "go back and write", "rewrite", "settle"]), st.binary(max_size=6), st.floats(0, 1)
    )
)


@given(steps, st.sampled_from([1, 5, 1000]), st.sampled_from([0, 7, 1000]))
def test_whatever_is_written_over_before_it_is_settled_the_file_and_its_hash_are_right(
    script: list[tuple[str, bytes, float]], enough: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainio.packaging.files._ENOUGH", enough)
        patch.setattr("brainio.packaging.files._MOST", most)
        file, plain = io.BytesIO(), io.BytesIO()
        writer = HashedWriter(file)
        settled = last = 0
        for action, data, where in script:
            end = len(plain.getvalue())
            if action == "settle":
                writer.settle()
                settled = last = end
                continue
            start = {"write": end, "rewrite": last}.get(action, settled + round(where * (end - settled)))
            text = bytes(reversed(plain.getvalue()[start:])) if action == "rewrite" else data
            for target in (writer, plain):
                target.seek(start)
                target.write(text)
            assert writer.tell() == plain.tell()
            writer.seek(len(plain.getvalue()))
            last = start if action == "write" else last
        assert writer.hexdigest() == hashlib.sha1(plain.getvalue()).hexdigest()
        assert file.getvalue() == plain.getvalue()

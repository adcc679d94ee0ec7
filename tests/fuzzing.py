"""Files that were valid once."""

from hypothesis import strategies as st


@st.composite
def damaged(draw, content):
    """Change, cut, repeat or replace bytes of a valid file; or write something else."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["set", "cut", "insert"]))
        at = draw(st.integers(0, max(0, len(data) - 1)))
        if kind == "set" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 200))]
        else:
            data[at:at] = draw(st.binary(max_size=40))
    return bytes(data)


def damage_at_random(content, choose):
    """Do the same by a `random.Random`: without shrinking, and many times as fast."""
    data = bytearray(content)
    for _ in range(choose.randint(1, 8)):
        kind, at = choose.choice(["set", "cut", "insert"]), choose.randrange(max(1, len(data)))
        if kind == "set" and data:
            data[at] = choose.randrange(256)
        elif kind == "cut":
            del data[at : at + choose.randint(1, 200)]
        else:
            data[at:at] = choose.randbytes(choose.randrange(41))
    return bytes(data)

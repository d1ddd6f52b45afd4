import hypothesis.strategies as st
import pytest
import tomli
from hypothesis import given

from triggerx.node.config.places import key_lines

TEXT = '''# a comment = 1
a = 1
"b.c" = """x
[no]
y = 2"""
d.e = [
  1, # ]
  { k = 'v', "q" = { r = 1 } }, { s = 2 },
]
[log]
level = "x # = ["
format="""
"""
[chains.8453] # why
rpc_urls = ["u",
 "v"]
 [x."y z".w]
 k = 1979-05-27T07:32:00Z
[[many]]
n=1
[[many]]
inl = { a.b = 1, c = [ { z = 3 }, { y = {} } ], e = {} }
f = 1.5
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("b.c",), 3),
        (("d",), 6),
        (("d", "e"), 6),
        (("d", "e", "q", "r"), 8),
        (("d", "e", "s"), 8),
        (("log",), 10),
        (("log", "level"), 11),
        (("log", "format"), 12),
        (("chains",), 14),
        (("chains", "8453"), 14),
        (("chains", "8453", "rpc_urls"), 15),
        (("x", "y z", "w", "k"), 18),
        (("many",), 19),
        (("many", "n"), 20),
        (("many", "inl", "a", "b"), 22),
        (("many", "inl", "c", "y"), 22),
        (("many", "f"), 23),
    ],
)
def test_line_when_the_text_has_every_form_then_each_key_is_where_it_stands(path: tuple[str, ...], line: int) -> None:
    tomli.loads(TEXT)
    assert key_lines(TEXT)[path] == line


def test_lines_when_the_text_has_every_form_then_strings_and_comments_give_no_keys() -> None:
    assert {path[0] for path in key_lines(TEXT)} == {"a", "b.c", "d", "log", "chains", "x", "many"}


@given(st.text(alphabet="ab=[]{}\"',.#\n 1", max_size=40))
def test_lines_when_any_text_is_valid_toml_then_every_top_key_has_one(text: str) -> None:
    try:
        values = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return
    assert {path[0] for path in key_lines(text)} == set(values)

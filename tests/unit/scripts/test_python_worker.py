from triggerx.scripts.python_worker import Output


def test_output_when_the_limit_is_passed_then_the_interpreter_is_killed_and_the_first_bytes_stay() -> None:
    killed: list[bool] = []
    output = Output(5, lambda: killed.append(True))
    output("stdout", "ab")
    output("stderr", "cd")
    assert (output.text, output.is_full, killed) == ("abcd", False, [])
    output("stdout", "éx")
    assert (output.text, output.is_full, killed) == ("abcd", True, [True])
    output("stdout", "more")
    assert output.text == "abcd"

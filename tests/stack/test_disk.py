"""The disk of outputs is full: the stage says so, and what was accepted is whole."""

from conftest import SMALL_DISK as DAY

OUTPUTS = f"/outputs/{DAY}"


def test_a_full_disk_is_said_in_the_tasks_log_and_room_is_all_it_takes(stack):
    def within(script, check=True):
        return stack.exec("airflow-scheduler", "sh", "-c", script, check=check)

    def accepted():
        return within(f"sha256sum {OUTPUTS}/generate_data/*.* /data/raw/{DAY}/*")

    assert stack.perform("generate_data", DAY) == ["success"]
    before = accepted()
    within(f"cat /dev/zero > {OUTPUTS}/filler", check=False)
    stack.again("generate_data", DAY)
    stack.wait(lambda: stack.task("generate_data", DAY, "generate").state == "up_for_retry", "a failure")
    said = stack.log("generate_data", DAY, "generate", 2)
    assert f"The record of this run cannot be written to {OUTPUTS}/generate_data/attempts/" in said
    assert "(No space left on device). Nothing that was accepted before is touched. Make room" in said
    assert accepted() == before
    stack.verify(DAY)
    within(f"rm {OUTPUTS}/filler")
    stack.again("generate_data", DAY)
    assert stack.ends("generate_data", DAY) == ["success"]
    stack.verify(DAY)

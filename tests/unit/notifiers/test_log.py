from tests.fakes.log import RecordingLog
from triggerx.notifiers.log import NOTICES_REMEMBERED, LogNotifier
from triggerx.ports.notifier import Notice


def notice(notice_id: str) -> Notice:
    return Notice(notice_id=notice_id, recipient="", subject="keeper offline", text="for 10 minutes")


async def test_notice_when_given_then_the_log_has_all_of_it() -> None:
    log = RecordingLog()
    await LogNotifier(log).notify(notice("1"))
    assert [(record.level, record.event) for record in log.records] == [("warning", "notice")]
    assert log.records[0].fields["subject"] == "keeper offline"


async def test_notice_when_given_again_then_it_is_written_once() -> None:
    log = RecordingLog()
    notifier = LogNotifier(log)
    await notifier.notify(notice("1"))
    await notifier.notify(notice("1"))
    await notifier.notify(notice("2"))
    assert len(log.records) == 2


async def test_notices_when_there_are_many_then_only_the_last_are_remembered() -> None:
    log = RecordingLog()
    notifier = LogNotifier(log)
    for number in range(NOTICES_REMEMBERED + 1):
        await notifier.notify(notice(str(number)))
    await notifier.notify(notice("0"))
    assert len(log.records) == NOTICES_REMEMBERED + 2

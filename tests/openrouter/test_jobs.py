"""What a job cost counts once, however often it is looked at."""

from pathlib import Path

from tests.end_to_end.chat import chat_house
from tests.toy.raw import answer_json

DONE = {"id": "job-1", "generation_id": "gen-job-1", "status": "completed", "usage": {"cost": 0.9}}
OTHER = {"id": "job-2", "generation_id": "gen-job-2", "status": "completed", "usage": {"cost": 0.5}}


def test_a_finished_job_that_is_looked_at_again_costs_nothing_again(tmp_path: Path) -> None:
    with chat_house(tmp_path) as chat:
        chat.says(answer_json(DONE), answer_json(DONE), answer_json(DONE), answer_json(OTHER))
        for job in ("job-1", "job-1", "job-1", "job-2"):
            response = chat.house.call("openrouter", "get_video", {"job_id": job})
            assert response.json()["usage"]["cost"] == (0.5 if job == "job-2" else 0.9)
        rows = [(row["generation_id"], row["cost"]) for row in chat.house.rows()]
    assert rows == [("gen-job-2", 0.5), ("gen-job-1", None), ("gen-job-1", None), ("gen-job-1", 0.9)]


def test_a_job_that_was_waited_for_is_booked_by_the_call_that_made_it(tmp_path: Path) -> None:
    accepted = {"id": "job-1", "status": "pending", "polling_url": "https://openrouter.ai/api/v1/videos/job-1"}
    with chat_house(tmp_path) as chat:
        chat.says(answer_json(accepted, 202), answer_json(DONE), answer_json(DONE))
        made = chat.house.call("openrouter", "create_video", {"model": "a/m", "prompt": "otters"})
        assert made.json()["usage"]["cost"] == 0.9
        chat.house.call("openrouter", "get_video", {"job_id": "job-1"})
        rows = [(row["utility"], row["cost"]) for row in chat.house.rows()]
    assert rows == [("get_video", None), ("create_video", 0.9)]

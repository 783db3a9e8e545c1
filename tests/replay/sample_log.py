"""A made-up log in KuaiRand's form: viewers with two tastes, over eight days. From a seed; nobody's data."""

from __future__ import annotations

import random
from pathlib import Path

from streams.settings import DAY_MS

LOG_HEADER = (
    "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,"
    "long_view,play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab"
)
VIDEO_HEADER = (
    "video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,"
    "server_height,music_id,music_type,tag"
)
LEAVE_AT = 3.5 * DAY_MS
T0 = 1_650_812_741_436


def log_line(user: int, video: int, at: int, play: int, duration: int, **columns: int) -> str:
    """One line of the log, ``at`` ms after its begin; ``like``, ``hate`` and ``tab`` as named columns."""
    like, hate, tab = columns.get("like", 0), columns.get("hate", 0), columns.get("tab", 1)
    return f"{user},{video},20220425,0,{T0 + at},1,{like},0,0,0,{hate},0,{play},{duration},0,0,0,0,{tab}"


def video_line(video: int, duration: str, tag: str) -> str:
    """One line of the video features."""
    return f"{video},77,NORMAL,2022-04-10,LongImport,0.0,{duration},720.0,1280.0,9,9.0,{tag}"


def write(folder: Path, lines: list[str], videos: list[str]) -> Path:
    """Both files in ``folder``, under names as they are published."""
    (folder / "log_standard_a.csv").write_text("\n".join([LOG_HEADER, *lines]) + "\n")
    (folder / "video_features_basic_a.csv").write_text("\n".join([VIDEO_HEADER, *videos]) + "\n")
    return folder


def write_sample(folder: Path, lines: int = 4_500, seed: int = 1) -> Path:
    """A log of ``lines`` lines: 120 viewers, 60 videos of 6 tags; a viewer watches two of the tags to the
    end, mostly.
    """
    chance = random.Random(seed)
    videos = [video_line(video, "30000.0", str(video % 6)) for video in range(60)]
    written = []
    for at in sorted(chance.randrange(8 * DAY_MS) for _ in range(lines)):
        user, video = chance.randrange(120), chance.randrange(60)
        if user % 5 == 0 and at > LEAVE_AT:
            continue
        liked = video % 6 in (user % 6, (user // 6) % 6)
        play = 31_000 if chance.random() < (0.8 if liked else 0.15) else chance.choice([0, 2_500, 9_000])
        written.append(log_line(user, video, at, play, 30_000, tab=video % 3))
    return write(folder, written, videos)

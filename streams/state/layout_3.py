"""What version 3 of the state layout looked like: data, never edited. ``layouts`` reads it.

Written by the release before layout 4. As in ``layout_2``.
"""

from __future__ import annotations

FIELDS = {
    "profile": """
        born:u1 key_hash:u8 offsets:i8[2] events:u4 recent:u8[16] first_ts:i8 last_ts:i8
        active_ts:i8 session_start:i8 sessions:u4 session_events:u4 session_watched_s:f4
        in_session:u1 device_type:u1 place:u4 open_search:u1 plain:u1 kids:u1 max_age:u1
        counters:f4[3,18] watched_s:f8 subscription:u1 subscription_ts:i8 plan_changed_ts:i8
        renewal_ts:i8 play_id:u8[2] play_ts:i8[2] play_title:i4[2] play_row:i1[2]
        play_playing:u1[2] play_quality:u1[2] play_pending:i1[2] play_position:u1[2]
        play_intervals:u1[2] play_base_s:f8[2] play_duration_s:f4[2] play_position_s:f4[2]
        play_watched_s:f4[2] play_from:f4[2,4] play_to:f4[2,4] pending_row:i1[8]
        pending_position:u1[8] pending_length:u1[8] pending_ts:i8[8] pending_playing:u1[8]
        pending_p:f4[8] pending_x:i2[8,10] pending_device:u1[8] pending_terms:i2[8,5]
        rows:f4[32,2] row_seen:u2[32] row_quality:u2[32] row_elsewhere:u2[32] outcome_ts:i8
        demand_ts:i8 seen:f4 quality:f4 seen_hour:f4 quality_hour:f4 watch:f4 last_quality:i1
        last_play:i1 row_version:u4 explore_row:i1 ordered:u1 order:i1[32] row_score:i1[32]
        shown:i1[32] shown_n:u1 own_page:u1 shown_plain:u1 churn_version:u4 churn_p:f4
        churn_band:u1 snapshot_ts:i8[3] snapshot_state:u1[3] snapshot_p:f4[3]
        snapshot_x:i2[3,16] last_snapshot_ts:i8
    """,
    "taste": """
        plain:u1 kids:u1 max_age:u1 wake_offset:i8 taste:f4[64] taste_ts:i8 title_had:u8[64]
        title_had_n:u4 title_recent:i4[32] title_recent_n:u4 title_played:i4[16]
        title_played_n:u4 title_vector:f4[16] title_unfinished:i4[4] title_unfinished_s:f4[4]
        title_unfinished_ts:i8[4] title_search:i4[4] title_search_tag:i1[2] title_search_ts:i8
        title_explored:i4 title_version:u4 title_draws:u4 top_titles:i4[20] top_scores:f4[20]
        art_version:u4 art_draws:u4 art_whom:u1 art_device:u1 art_title:i4[16] art_image:u4[16]
        art_chosen_s:u4[16] art_shown_s:u4[16] art_waiting:u1[16] art_place:u1[16]
        art_views:u1[16] art_policy:u1[16] art_propensity:f4[16] art_shadow:u2[16] art_q:u2[16]
        art_shadow_q:u2[16] art_x:i2[16,6] trailer_version:u4 trailer_draws:u4 trailer_n:u4
        trailer_lost:u1 trailer_title:i4[3] trailer_id:u4[3] trailer_state:u1[3]
        trailer_policy:u1[3] trailer_propensity:f4[3] trailer_shadow:u2[3] trailer_q:u2[3]
        trailer_shadow_q:u2[3] trailer_ts:i8[3] trailer_x:i2[3,6] trailer_seen:u4[32]
        trailer_seen_n:u4 exp_id:u4[4] exp_arm:u1[4] exp_state:u1[4] exp_share:f4[4]
        exp_ts:i8[4] exp_until:i8[4] exp_x:f4[4] exp_y:f4[4,3] exp_before:f4[3] exp_before_ts:i8
        cat_version:u4 cat_arm:u4 cat_shown:i1[8] cat_browsed:i1[8] cat_minutes:f4[8] cat_ts:i8
        credit_offers:u1[3] credit_offer_s:u4[3] demand_region:u1
    """,
    "title": """
        seen:f4 quality:f4 duration_s:f4 row:i1
    """,
    "title_taste": """
        active:u1 tags:i1[8] age:u1 artworks:u1 trailers:u1 released:i4 again:u1 hour:f4 fast:f4
        day:f4 slow:f4 plays_hour:f4 plays:f4 ts:i8 near:i4[40] near_n:f4[40] near_all:f4
        next:i4[96] next_n:f4[96] next_all:f4 vector:f4[16] art_id:u4[8] art_tags:i1[8,3]
        art_first:u1 art_views:f4[8] art_plays:f4[8] art_untold_views:u1[8]
        art_untold_plays:u1[8] trailer_offers:f4 trailer_returns:f4
    """,
    "cell": """
        hours:f8 ts:i8 told:f8 told_ts:i8 told_profiles:u1 held:u1 who:u4[8] day:u2[8]
    """,
    "partition": """
        stream_ts:i8 slots:i8 sweep_ts:i8 sweep_cursor:i8 sweep_left:i8 decay_ts:i8 seen:f8
        quality:f8 row_seen:f8[32] row_quality:f8[32] row_appeal:f8[32] row_appeal_n:f8[32]
        position_seen:f8[16] position_quality:f8[16] position_watch:f8[16] length_seen:f4[16,16]
        length_quality:f4[16,16] unshown_plays:f8 unshown_watch:f8 row_position_seen:f4[32,16]
        row_position_quality:f4[32,16] device_seen:f4[7,32] device_quality:f4[7,32] share:f8[32]
        recent:f8[32] by_daypart:f4[8,32] by_device:f4[7,32] after_quality:f4[32,32]
        after_play:f4[32,32] company:f4[32,32] demand_weight:f8[12] demand_gradient:f8[12]
        seen_weight:f8[8] seen_covariance:f8[8,8]
    """,
}
"""The fields of each kind of record, in order."""
SIZES = {"profile": 1768, "taste": 2568, "title": 16, "title_taste": 1368, "cell": 88, "partition": 24912}
"""Bytes of one record of each kind: what the fields must come to."""

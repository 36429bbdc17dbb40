"""The bugs of the protocol's list as people would write them in the scripts on Redis."""

from tests.contract.stores import Patch, Planting

WHO_IS_LEFT = """local alone = true
  for _, mate in ipairs(redis.call('ZRANGE', RUNNING, 0, -1)) do
    if redis.call('HGET', record_key(mate), 'claim') == r.claim then alone = false end
  end"""
LIST = (
    "for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', up_to, 'LIMIT', 0, budget)) do"
)
STALE_LIST = """local ids = redis.call('ZRANGEBYSCORE', index, '-inf', up_to, 'LIMIT', 0, budget)
  if index == RUNNING then
    for _, id in ipairs(redis.call('SMEMBERS', key('listed'))) do
      if redis.call('ZSCORE', index, id) \
and tonumber(redis.call('ZSCORE', index, id)) > up_to then ids[#ids + 1] = id end
    end
    redis.call('DEL', key('listed'))
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', up_to + 2 * period)) \
do redis.call('SADD', key('listed'), id) end
  end
  for _, id in ipairs(ids) do"""
LEAVE = "redis.call('ZREM', OUTSTANDING, id)\n  redis.call('ZREM', STARTS_BY, id)"

PLANTINGS = {
    "a claim charged that never began": Planting(
        "`fail` does not ask whether the record was begun",
        (Patch("lib", "if r.begun == 0 then\n    to_waiting", "if false then\n    to_waiting"),),
    ),
    "alone judged by who is left after a cancel": Planting(
        "`fail` looks for mates that run now, not at how many the claim named",
        (Patch("lib", "local alone = r.named == 1", WHO_IS_LEFT),),
    ),
    "a resent claim that gets other records": Planting(
        "`claim` does not look up what its id was granted",
        (Patch("claim", "if status == 'granted' then", "if false then"),),
    ),
    "a resent replay that opens a third epoch": Planting(
        "`replay` takes whatever failed, whichever epoch was named",
        (
            Patch(
                "replay",
                "r.epoch == epoch + 1 then",
                "r.epoch == epoch + 1 and r.state ~= 'failure' then",
            ),
            Patch("replay", " or r.epoch ~= epoch then", " then"),
            Patch("replay", "{epoch = epoch + 1, ", "{epoch = r.epoch + 1, "),
        ),
    ),
    "an unfenced write": Planting(
        "`held` asks whether the record runs, not by which claim",
        (Patch("lib", "r.state == 'running' and r.claim == claim_id", "r.state == 'running'"),),
    ),
    "a batch whose members' own temporary failures are never charged and never end": Planting(
        "`fail` charges only who ran alone",
        (Patch("lib", "if alone or not permanent then attempts", "if alone then attempts"),),
    ),
    "a reclaim right after a pause, also by the other gateway's reaper": Planting(
        "`reap` is quiet only in the run that noticed the pause",
        (
            Patch(
                "reap",
                "local reclaimed = quiet and 0",
                "local reclaimed = (not stamp or stamp > now or now - stamp > 2 * period) and 0",
            ),
        ),
    ),
    "a reaper acting on a stale list": Planting(
        "`reap` reclaims what an earlier run had listed, and does not look at the lease again",
        (
            Patch(
                "reap",
                "for _, id in ipairs("
                "redis.call('ZRANGEBYSCORE', index, '-inf', up_to, 'LIMIT', 0, budget)) do",
                STALE_LIST,
            ),
        ),
    ),
    "a ticket never repaired": Planting(
        "`heartbeat` never asks for a ticket",
        (Patch("heartbeat", "if idle_beats < 2 then", "if true then"),),
    ),
    "a second quarantined record without a ticket": Planting(
        "`missing_tickets` counts one quarantined record at most",
        (
            Patch(
                "lib",
                "+ redis.call('ZCARD', SUSPECTS)",
                "+ math.min(1, redis.call('ZCARD', SUSPECTS))",
            ),
        ),
    ),
    "outstanding off by one": Planting(
        "what is cancelled stays outstanding",
        (Patch("lib", LEAVE, f"if state ~= 'cancelled' then {LEAVE} end"),),
    ),
    "a backlog that grows by one too many": Planting(
        "`submit` refuses what comes after the bound was passed",
        (Patch("submit", "local over = count + 1 - most", "local over = count - most"),),
    ),
    "bytes that are not given back": Planting(
        "what ends stays counted",
        (Patch("lib", "redis.call('HINCRBY', META, 'bytes', -r.bytes)", ""),),
    ),
    "a refusal by estimate while no worker lives": Planting(
        "`submit` believes a rate that nobody works at any more",
        (
            Patch(
                "lib",
                "if redis.call('ZCOUNT', WORKERS, now - 5000, '+inf') == 0 then rate = 0 end",
                "",
            ),
        ),
    ),
    "the newest dead letter dropped before older ones": Planting(
        "`reap` drops from the wrong end",
        (
            Patch(
                "reap",
                "redis.call('ZRANGE', DEAD, 0, 0)[1]",
                "redis.call('ZRANGE', DEAD, -1, -1)[1]",
            ),
        ),
    ),
    "a run limit used up by a step of the clock": Planting(
        "`renew` takes the time since it began for the time it ran",
        (Patch("renew", "passed - math.max(0, math.min(passed, lease))", "0"),),
    ),
    "a batch that waits for a clock that stepped back": Planting(
        "`claim` waits until what was submitted later than now is old enough",
        (Patch("claim", "r.created > now and now - max_wait or r.created", "r.created"),),
    ),
    "a history that outlives a success": Planting(
        "what ended well keeps the tale of its failures",
        (Patch("lib", "'input', 'history') end", "'input') end"),),
    ),
    "a claim of a paused model": Planting(
        "`claim` does not ask whether the model is paused",
        (Patch("claim", "if paused() > 0 then\n  remember", "if false then\n  remember"),),
    ),
    "a model that goes on without tickets": Planting(
        "`pause` answers none for what waited meanwhile",
        (Patch("pause", "missing_tickets(known_batch())", "0"),),
    ),
    "a paused model that takes what it refuses": Planting(
        "`submit` does not ask",
        (Patch("submit", "if paused() == 2 then", "if false then"),),
    ),
    "a purge that takes what came after it": Planting(
        "`purge` takes all that waits when it arrives",
        (Patch("purge", "string.format('%.0f', before)", "'+inf'"),),
    ),
    "a purge that ends what runs": Planting(
        "`purge` takes whatever is outstanding",
        (Patch("purge", "(r.state == 'waiting' or r.state == 'retry')", "true"),),
    ),
    "a purge that counts as work": Planting(
        "`purge` leaves the measure of the rate alone",
        (Patch("purge", "if purged > 0 then", "if false then"),),
    ),
    "a join to what may expire sooner": Planting(
        "`submit` joins whatever is outstanding",
        (
            Patch(
                "submit",
                "return r.began == '1' or r.starts_by == 0"
                " or (starts_by > 0 and r.starts_by >= starts_by)",
                "return true",
            ),
        ),
    ),
    "a join that loses the joiner's priority": Planting(
        "`submit` leaves the record where it was",
        (Patch("submit", "move_up(task_id, r)\n    return", "return"),),
    ),
    "a join that puts a record back in the order": Planting(
        "`submit` gives the record the joiner's place, better or not",
        (Patch("submit", " or r.order <= order then", " then"),),
    ),
}

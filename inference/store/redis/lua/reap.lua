-- The reaper: reclaim, retry due, expire, expire result, discard; each tests its own condition here, in the step that acts.
-- Request: period_ms, lease_ms, most, retry (see `fail`), result_ttl_ms, tombstone_ttl_ms, dead_letter_ttl_ms, most_dead,
-- most_dead_bytes.
-- Reply: the fields of `Reaped`, bad_runs as `tell_run` told them; only ran, false, where another gateway's reaper had just run.
local period, lease, budget, retry = request.period_ms, request.lease_ms, request.most, request.retry
local WORKER_LOST = '{"type":"worker_lost","message":"the worker that ran it stopped answering"}'
local WORKER_GONE_MS, SAMPLE = 5000, 20

-- The stamp is the lock: whoever comes within half a period of it finds the work done.
local stamp = tonumber(redis.call('HGET', META, 'stamp'))
if stamp and stamp <= now and now - stamp < period / 2 then return reply({ran = false}) end

-- A stamp too old or in the future: the store stood still, nobody was there, or the clock stepped. Workers get one lease to renew.
local quiet_until = tonumber(redis.call('HGET', META, 'quiet_until')) or 0
if not stamp or stamp > now or now - stamp > 2 * period then
  quiet_until = now + lease
end
-- After a step back the order goes on where it was, lest what waits already stands behind all that comes now.
if stamp and stamp > now then redis.call('HINCRBY', META, 'ahead', stamp - now) end

-- No lease, due or heartbeat can be later than this, but by a clock that was ahead for a moment: perhaps one without a reaper's run.
local function at_most(index, latest)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '(' .. string.format('%.0f', latest), '+inf')) do
    redis.call('ZADD', index, latest, id)
  end
end
at_most(RUNNING, now + lease)
at_most(RETRY, now + retry.cap_ms)
at_most(WORKERS, now)

-- Records ended in 10^9 s, smoothed over 30 runs, and only while something waits: then it is what the workers can do.
local pace = redis.call('HMGET', META, 'ended', 'ended_before', 'backlog', 'rate')
local ended, rate = tonumber(pace[1]) or 0, tonumber(pace[4]) or 0
local backlog = redis.call('ZCARD', WAITING) > 0 and paused() == 0
if backlog and pace[3] == '1' and stamp and stamp < now and now - stamp <= 2 * period then
  local seen = math.floor((ended - (tonumber(pace[2]) or 0)) * 1e12 / (now - stamp))
  rate = rate == 0 and seen or math.floor((rate * 29 + seen) / 30)
end
redis.call('HSET', META, 'stamp', now, 'quiet_until', quiet_until, 'ended_before', ended, 'backlog', backlog and 1 or 0,
           'rate', string.format('%.0f', rate))
local quiet = now < quiet_until

local function each(index, up_to, act)
  local done = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', up_to, 'LIMIT', 0, budget)) do
    local r = load(id)
    if not r then redis.call('ZREM', index, id)
    elseif act(id, r) then done = done + 1 end
  end
  budget = budget - done
  return done
end

local reclaimed = quiet and 0 or each(RUNNING, now, function(id, r)
  if r.state ~= 'running' then redis.call('ZREM', RUNNING, id) return false end
  redis.call('PEXPIRE', claim_key(r.claim), HOUR_MS)
  fail(id, r, false, false, WORKER_LOST, retry, '')
  tell_run(id, r)
  return true
end)

local retries_due = each(RETRY, now, function(id, r)
  redis.call('ZREM', RETRY, id)
  if r.state ~= 'retry' then return false end
  to_waiting(id, r)
  return true
end)

local expired = each(STARTS_BY, now, function(id, r)
  if r.state ~= 'waiting' or r.began == '1' then return false end
  leave_waiting(id, r)
  to_final(id, r, 'expired', {})
  return true
end)

-- What only takes room has a budget of its own, and a larger one: else what ends faster than that would pile up.
budget = 4 * request.most
local results_expired = each(ENDED, now - request.result_ttl_ms, function(id, r) to_tombstone(id, r, ENDED) return true end)
local discarded = each(DEAD, now - request.dead_letter_ttl_ms, function(id, r) to_tombstone(id, r, DEAD) return true end)

-- Too many dead letters, or too large in all: the oldest go.
while budget > 0 and (redis.call('ZCARD', DEAD) > request.most_dead
    or (tonumber(redis.call('HGET', META, 'dead_bytes')) or 0) > request.most_dead_bytes) do
  local id = redis.call('ZRANGE', DEAD, 0, 0)[1]
  local r = id and load(id)
  if not id then break end
  if r then to_tombstone(id, r, DEAD) else redis.call('ZREM', DEAD, id) end
  discarded, budget = discarded + 1, budget - 1
end

budget = 4 * request.most
each(TOMBS, now - request.tombstone_ttl_ms, function(id)
  for _, idem in ipairs(redis.call('SMEMBERS', key('idems:' .. id))) do redis.call('DEL', key('idem:' .. idem)) end
  redis.call('DEL', key('idems:' .. id), record_key(id))
  redis.call('ZREM', TOMBS, id)
  return true
end)

-- Outstanding against the records, by sample and record by record. It moves in the same step as the state, so drift is a bug or a hand.
local drift = 0
for _, id in ipairs(redis.call('ZRANDMEMBER', OUTSTANDING, SAMPLE)) do
  local r = load(id)
  if not r or not IS_OUTSTANDING[r.state] then drift = drift + redis.call('ZREM', OUTSTANDING, id) end
end
for _, index in ipairs({WAITING, RUNNING, RETRY}) do
  for _, id in ipairs(redis.call('ZRANDMEMBER', index, SAMPLE)) do
    local r = load(id)
    if r and IS_OUTSTANDING[r.state] then drift = drift + redis.call('ZADD', OUTSTANDING, 'NX', r.created, id) end
  end
end
if drift > 0 then redis.call('HINCRBY', META, 'drift', drift) end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', WORKERS, '-inf', now - WORKER_GONE_MS)) do
  redis.call('ZREM', WORKERS, name)
  redis.call('DEL', worker_key(name))
end
return reply({
  ran = true, quiet = quiet, reclaimed = reclaimed, retries_due = retries_due, expired = expired, results_expired = results_expired, discarded = discarded,
  drift = drift, bad_runs = bad_runs, tickets = missing_tickets(known_batch()),
})

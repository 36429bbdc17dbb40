-- A worker lives. Request: worker_id, state, version, batch_rows, period_ms, wants (the version it wants instead), turn_ms (how long
-- that may take), problem, identity (what tells the version from another of the same number).
-- Reply: waiting; repair, the tickets to publish; my_turn, whether it may leave its version now.
local worker, state, period = request.worker_id, request.state, request.period_ms
local MAX_BACKOFF = 30000

local waiting = paused() > 0 and 0 or redis.call('ZCARD', WAITING) -- that may start
if state == 'gone' then
  redis.call('ZREM', WORKERS, worker)
  redis.call('DEL', worker_key(worker))
  return reply({waiting = waiting, repair = 0, my_turn = false})
end

local before = redis.call('HMGET', worker_key(worker), 'state', 'since', 'idle_beats')
local changed = before[1] ~= state
local idle_beats = state == 'idle' and waiting > 0 and (tonumber(before[3]) or 0) + 1 or 0
redis.call('ZADD', WORKERS, now, worker)
redis.call('HSET', worker_key(worker), 'state', state, 'version', request.version, 'batch', request.batch_rows,
           'since', changed and now or before[2], 'idle_beats', idle_beats, 'problem', request.problem,
           'identity', request.identity)
redis.call('HSET', META, 'batch', request.batch_rows)
if state == 'idle' and changed then redis.call('HSET', META, 'repair_step', 0, 'repair_at', 0) end

-- One worker of a model at a time leaves its version for another: a lock that its holder gives back once it holds what it wants.
local turn, wants = key('turn'), request.wants
local holder = redis.call('GET', turn)
if holder == worker and wants == '' and state ~= 'loading' then redis.call('DEL', turn) end
local mine = false
if wants ~= '' and (not holder or holder == worker or not redis.call('ZSCORE', WORKERS, holder)) then
  if holder ~= worker then redis.call('SET', turn, worker, 'PX', request.turn_ms) end
  mine = true
end

-- Idle for two beats while something waited: its ticket is lost. One for each idle worker, backing off while nobody claims.
if idle_beats < 2 then return reply({waiting = waiting, repair = 0, my_turn = mine}) end
local repair = redis.call('HMGET', META, 'repair_at', 'repair_step')
local at, step = tonumber(repair[1]) or 0, tonumber(repair[2]) or 0
if now < at and at - now <= MAX_BACKOFF then return reply({waiting = waiting, repair = 0, my_turn = mine}) end
local idle = 0
for _, name in ipairs(redis.call('ZRANGE', WORKERS, 0, -1)) do
  if redis.call('HGET', worker_key(name), 'state') == 'idle' then idle = idle + 1 end
end
step = step == 0 and period or math.min(step * 2, MAX_BACKOFF)
redis.call('HSET', META, 'tickets', idle, 'repair_at', now + step, 'repair_step', step)
return reply({waiting = waiting, repair = idle, my_turn = mine})

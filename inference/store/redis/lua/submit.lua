-- submit: – → waiting. Request: the fields of `PredictionRequest` but its model; most_outstanding, most_outstanding_bytes.
-- The input is ARGV[2].
-- Reply: kind, task_id, state, sequence, tickets; when joined trace and span, those of the record; when refused retry_after_ms, when to
-- try again (-1: nobody knows).
local id, input, join, listener = request.task_id, ARGV[2], request.join_key, request.listener
local idem, digest = request.idempotency_key, request.body_digest

local function answer(kind, task_id, r)
  local trace = kind == 'joined' and redis.call('HMGET', record_key(task_id), 'trace', 'span') or {}
  return reply({trace = trace[1] or nil, span = trace[2] or nil, kind = kind, task_id = task_id, state = r.state, sequence = r.seq, tickets = missing_tickets(known_batch())})
end

local function refusal(kind, retry_after_ms)
  return reply({kind = kind, task_id = id, state = 'waiting', sequence = 0, tickets = 0, retry_after_ms = retry_after_ms})
end

local function listen(task_id, r)
  if listener == '' or not IS_OUTSTANDING[r.state] then return end
  if string.find(' ' .. r.listeners .. ' ', ' ' .. listener .. ' ', 1, true) then return end
  redis.call('HSET', record_key(task_id), 'listeners', r.listeners .. ' ' .. listener)
end

-- As a record of its own this submission would expire then (0: never) and have this number in the order.
local starts_by = request.time_to_start_ms > 0 and now + request.time_to_start_ms or 0
local order = now_us + ((tonumber(redis.call('HGET', META, 'ahead')) or 0) - request.head_start_ms) * 1000

-- Whether a record serves as well as one of its own would (protocol rule 13).
local function serves(task_id, r)
  if r.state == 'success' then return redis.call('HGET', record_key(task_id), 'version') == request.join_version end
  if not IS_OUTSTANDING[r.state] then return false end
  return r.began == '1' or r.starts_by == 0 or (starts_by > 0 and r.starts_by >= starts_by)
end

-- Gives the record the joiner's place if that is better (rule 9).
local function move_up(task_id, r)
  if not IS_OUTSTANDING[r.state] or r.order <= order then return end
  r.order = order
  redis.call('HSET', record_key(task_id), 'order', order)
  redis.call('ZADD', WAITING, 'XX', order, task_id)
  redis.call('ZADD', SUSPECTS, 'XX', order, task_id)
end

local function joined(task_id, r)
  if idem ~= '' then
    redis.call('SET', key('idem:' .. idem), task_id .. ' ' .. digest)
    redis.call('SADD', key('idems:' .. task_id), idem)
  end
  listen(task_id, r)
  return answer('joined', task_id, r)
end

local mine = load(id)
if mine then
  listen(id, mine)
  return answer('accepted', id, mine)
end

if idem ~= '' then
  local told = redis.call('GET', key('idem:' .. idem))
  if told then
    local task_id, body = string.match(told, '^(%S+) (%S*)$')
    local r = load(task_id)
    if r and body ~= digest then return answer('conflict', task_id, r) end
    if r then return joined(task_id, r) end
  end
end

if join ~= '' and not request.fresh then
  local task_id = redis.call('GET', key('join:' .. join))
  local r = task_id and load(task_id)
  if r and serves(task_id, r) then
    move_up(task_id, r)
    return joined(task_id, r)
  end
end

if paused() == 2 then return refusal('paused', -1) end

-- A bound on what may be outstanding, and for a caller who waits one on how long that would take by the rate measured; nobody knows a
-- rate where no worker lives.
local bytes, most, most_bytes, longest = #input, request.most_outstanding, request.most_outstanding_bytes, request.longest_wait_ms
local count, held_bytes = redis.call('ZCARD', OUTSTANDING), tonumber(redis.call('HGET', META, 'bytes')) or 0
local over = count + 1 - most
if held_bytes + bytes > most_bytes and count > 0 then
  over = math.max(over, math.ceil((held_bytes + bytes - most_bytes) * count / math.max(held_bytes, 1)))
end
if over > 0 then return refusal('full', ms_for(over)) end
local wait = ms_for(count)
if longest > 0 and wait > longest and redis.call('ZCARD', WAITING) > 0 then return refusal('late', wait - longest) end

local r = {seq = 0, order = order, rows = request.rows, suspect = '0', listeners = listener, bytes = bytes}
redis.call('HSET', record_key(id), 'input', input, 'rows', request.rows, 'match_id', request.match_id, 'join', join, 'order', order,
           'created', now, 'epoch', 1, 'attempts', 0, 'suspect', '0', 'starts_by', starts_by, 'listeners', listener, 'bytes', bytes,
           'trace', request.trace_id, 'span', request.span, 'request', request.request_id)
redis.call('HINCRBY', META, 'bytes', bytes)
to_waiting(id, r)
redis.call('ZADD', OUTSTANDING, now, id)
if starts_by > 0 then redis.call('ZADD', STARTS_BY, starts_by, id) end
if join ~= '' then redis.call('SET', key('join:' .. join), id) end
if idem ~= '' then
  redis.call('SET', key('idem:' .. idem), id .. ' ' .. digest)
  redis.call('SADD', key('idems:' .. id), idem)
end
return answer('accepted', id, r)

-- submit: – → waiting. ARGV: offset, id, input, rows, match_id, join, join_version, fresh, idem, digest, head_start, time_to_start, listener,
-- trace, most, most_bytes, longest_wait ; answers kind, id, state, seq, tickets, when to try again in ms (-1: nobody knows)
local id, join, idem, digest, listener = ARGV[2], ARGV[6], ARGV[9], ARGV[10], ARGV[13]

local function answer(kind, task_id, r)
  return {now, kind, task_id, r.state, r.seq, shortage(known_batch()), 0}
end

local function listen(task_id, r)
  if listener == '' or not IS_OUTSTANDING[r.state] then return end
  if string.find(' ' .. r.listeners .. ' ', ' ' .. listener .. ' ', 1, true) then return end
  redis.call('HSET', record_key(task_id), 'listeners', r.listeners .. ' ' .. listener)
end

-- As a record of its own this submission would expire then (0: never) and have this number in the order.
local starts_by = tonumber(ARGV[12]) > 0 and now + tonumber(ARGV[12]) or 0
local order = now_us + ((tonumber(redis.call('HGET', META, 'ahead')) or 0) - tonumber(ARGV[11])) * 1000

-- Whether a record serves as well as one of its own would (protocol rule 13).
local function serves(task_id, r)
  if r.state == 'success' then return redis.call('HGET', record_key(task_id), 'version') == ARGV[7] end
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

if join ~= '' and ARGV[8] ~= '1' then
  local task_id = redis.call('GET', key('join:' .. join))
  local r = task_id and load(task_id)
  if r and serves(task_id, r) then
    move_up(task_id, r)
    return joined(task_id, r)
  end
end

-- A bound on what may be outstanding, and for a caller who waits one on how long that would take by the rate measured; nobody knows a
-- rate where no worker lives.
local bytes, most, most_bytes, longest = #ARGV[3], tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17])
local count, held_bytes = redis.call('ZCARD', OUTSTANDING), tonumber(redis.call('HGET', META, 'bytes')) or 0
local over = count + 1 - most
if held_bytes + bytes > most_bytes and count > 0 then
  over = math.max(over, math.ceil((held_bytes + bytes - most_bytes) * count / math.max(held_bytes, 1)))
end
if over > 0 then return {now, 'full', id, 'waiting', 0, 0, ms_for(over)} end
local wait = ms_for(count)
if longest > 0 and wait > longest and redis.call('ZCARD', WAITING) > 0 then return {now, 'late', id, 'waiting', 0, 0, wait - longest} end

local r = {seq = 0, order = order, rows = tonumber(ARGV[4]), suspect = '0', listeners = listener, bytes = bytes}
redis.call('HSET', record_key(id), 'input', ARGV[3], 'rows', ARGV[4], 'match_id', ARGV[5], 'join', join, 'order', order,
           'created', now, 'epoch', 1, 'attempts', 0, 'suspect', '0', 'starts_by', starts_by, 'listeners', listener, 'bytes', bytes, 'trace', ARGV[14])
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

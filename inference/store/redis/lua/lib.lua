-- What every move shares; put before each script when it is loaded. KEYS[1] is the model's prefix, `{prefix:model}`, so that all
-- keys share a slot. ARGV[1] is the request: a JSON object, whose names each script lists at its head. What is binary follows it.
-- Times are milliseconds, orders microseconds.
local request = cjson.decode(ARGV[1])

local function key(name) return KEYS[1] .. ':' .. name end
local function record_key(id) return KEYS[1] .. ':record:' .. id end
local function claim_key(id) return KEYS[1] .. ':claim:' .. id end
local function worker_key(name) return KEYS[1] .. ':worker:' .. name end

local META = key('meta')
local WAITING, RUNNING, RETRY = key('waiting'), key('running'), key('retry')
local OUTSTANDING, SUSPECTS = key('outstanding'), key('suspects')
local STARTS_BY, ENDED, DEAD, TOMBS = key('starts_by'), key('ended'), key('dead'), key('tombs')
local WORKERS = key('workers')
local IS_OUTSTANDING = {waiting = true, running = true, retry = true}
local HOUR_MS, DAY_MS = 3600000, 86400000

local clock = redis.call('TIME')
local offset_ms = request.clock_offset_ms or 0 -- for tests alone
local now_us = tonumber(clock[1]) * 1000000 + tonumber(clock[2]) + offset_ms * 1000
local now = math.floor(now_us / 1000)

-- The reply: a flat list of names and values, with the store's time. A nil is left out, a false arrives as one.
local function reply(fields)
  local out = {'now', now}
  for name, value in pairs(fields) do out[#out + 1], out[#out + 2] = name, value end
  return out
end

-- What a record, or another hash, has of these fields: a flat list of names and values.
local function read(key, fields)
  local values, out = redis.call('HMGET', key, unpack(fields)), {}
  for i, name in ipairs(fields) do
    if values[i] and values[i] ~= '' then out[#out + 1], out[#out + 2] = name, values[i] end
  end
  return out
end

local FIELDS = {'state', 'seq', 'epoch', 'order', 'created', 'rows', 'attempts', 'claim', 'named', 'begun', 'began',
                'suspect', 'starts_by', 'join', 'listeners', 'worker', 'bytes'}

-- The record's fields by name, numbers as numbers; nil when there is none.
local function load(id)
  local values = redis.call('HMGET', record_key(id), unpack(FIELDS))
  if not values[1] then return nil end
  local r = {}
  for i, name in ipairs(FIELDS) do r[name] = values[i] or '' end
  for _, name in ipairs({'seq', 'epoch', 'order', 'created', 'rows', 'attempts', 'named', 'begun', 'starts_by', 'bytes'}) do
    r[name] = tonumber(r[name]) or 0
  end
  return r
end

local function held(r, claim_id) return r and r.state == 'running' and r.claim == claim_id end

-- Moves a record to a state, writes the fields given as well, and tells its listeners.
local function change(id, r, state, fields)
  r.seq, r.state = r.seq + 1, state
  local args = {'state', state, 'seq', r.seq}
  for name, value in pairs(fields or {}) do
    args[#args + 1], args[#args + 2] = name, value
    r[name] = value
  end
  redis.call('HSET', record_key(id), unpack(args))
  for channel in string.gmatch(r.listeners, '%S+') do
    redis.call('PUBLISH', channel, id .. ' ' .. r.seq .. ' ' .. state)
  end
end

local function leave_waiting(id, r)
  if redis.call('ZREM', WAITING, id) == 0 then return end
  if r.suspect == '1' then redis.call('ZREM', SUSPECTS, id)
  else redis.call('HINCRBY', META, 'waiting_rows', -r.rows) end
end

-- Into the order at the place it always had; the caller has taken it out of where it was.
local function to_waiting(id, r, fields)
  change(id, r, 'waiting', fields)
  redis.call('HDEL', record_key(id), 'claim', 'named', 'begun', 'worker')
  redis.call('ZADD', WAITING, r.order, id)
  if r.suspect == '1' then redis.call('ZADD', SUSPECTS, r.order, id)
  else redis.call('HINCRBY', META, 'waiting_rows', r.rows) end
end

local function release_join(id, r)
  if r.join ~= '' and redis.call('GET', key('join:' .. r.join)) == id then redis.call('DEL', key('join:' .. r.join)) end
end

-- Into a final state; the caller has taken it out of waiting, running or retry. Only a failure keeps its input.
local function to_final(id, r, state, fields)
  fields.ended = now
  redis.call('HINCRBY', META, 'ended', 1)
  redis.call('HINCRBY', META, 'bytes', -r.bytes)
  if state == 'failure' then redis.call('HINCRBY', META, 'dead_bytes', r.bytes) end
  change(id, r, state, fields)
  redis.call('HDEL', record_key(id), 'claim', 'named', 'worker', 'listeners')
  if state ~= 'failure' then redis.call('HDEL', record_key(id), 'input', 'history') end
  redis.call('ZREM', OUTSTANDING, id)
  redis.call('ZREM', STARTS_BY, id)
  redis.call('ZADD', state == 'failure' and DEAD or ENDED, now, id)
  if state ~= 'success' then release_join(id, r) end
end

-- A run that ended badly, for whoever finds the record among the dead letters: a line of JSON each.
local function note_run(id, r, charged, error_json, version)
  local entry = string.format('{"epoch":%d,"worker":%s,"version":%s,"began_ms":%.0f,"ended_ms":%.0f,"batch":%d,"charged":%s,"error":%s}',
    r.epoch, cjson.encode(r.worker), cjson.encode(version), r.begun, now, r.named, tostring(charged), error_json ~= '' and error_json or 'null')
  local before = redis.call('HGET', record_key(id), 'history')
  redis.call('HSET', record_key(id), 'history', before and before .. '\n' .. entry or entry)
end

-- The one place that decides what a run that ended badly costs. `retry`: max_attempts, base_ms, cap_ms, jitter in [0, 1).
local function fail(id, r, permanent, own, error_json, retry, version)
  redis.call('ZREM', RUNNING, id)
  if r.begun == 0 then
    to_waiting(id, r)
    return 'waiting'
  end
  local alone = r.named == 1
  note_run(id, r, (alone or own) and (alone or not permanent), error_json, version)
  if not alone and not own then
    to_waiting(id, r, {suspect = '1'})
    return 'waiting'
  end
  local attempts = r.attempts
  if alone or not permanent then attempts = attempts + 1 end
  if permanent or attempts >= retry.max_attempts then
    to_final(id, r, 'failure', {error = error_json, attempts = attempts})
    return 'failure'
  end
  local ceiling = math.min(retry.cap_ms, retry.base_ms * 2 ^ (attempts - 1))
  local spread = (retry.jitter + r.seq * 0.618034) % 1
  change(id, r, 'retry', {error = error_json, attempts = attempts})
  redis.call('HDEL', record_key(id), 'claim', 'named', 'begun', 'worker')
  redis.call('ZADD', RETRY, now + math.floor(ceiling * spread), id)
  return 'retry'
end

local function to_tombstone(id, r, index)
  release_join(id, r)
  if index == DEAD then redis.call('HINCRBY', META, 'dead_bytes', -r.bytes) end
  redis.call('ZREM', index, id)
  redis.call('DEL', record_key(id))
  redis.call('HSET', record_key(id), 'state', 'forgotten', 'seq', r.seq + 1, 'epoch', r.epoch)
  redis.call('ZADD', TOMBS, now, id)
end

-- How many tickets are missing for what waits, at `batch` rows a ticket and one for each suspect.
local function shortage(batch)
  local rows = tonumber(redis.call('HGET', META, 'waiting_rows')) or 0
  local needed = math.ceil(math.max(rows, 0) / math.max(batch, 1)) + redis.call('ZCARD', SUSPECTS)
  local guess = tonumber(redis.call('HGET', META, 'tickets')) or 0
  return math.max(0, needed - guess)
end

-- B as the workers last said it; a model that no worker ever served counts a ticket a row.
local function known_batch() return tonumber(redis.call('HGET', META, 'batch')) or 1 end

-- How long the workers take to end so many, by the rate that the reaper measured under a backlog; -1 where nobody knows it, or no worker
-- lives.
local function ms_for(records)
  local rate = tonumber(redis.call('HGET', META, 'rate')) or 0
  if redis.call('ZCOUNT', WORKERS, now - 5000, '+inf') == 0 then rate = 0 end
  return rate > 0 and math.ceil(records * 1e12 / rate) or -1
end

local VIEW = {'state', 'seq', 'epoch', 'attempts', 'match_id', 'created', 'begun', 'ended', 'run_ms', 'version', 'result', 'error'}

-- The record as it is read: what it has of VIEW and, while it waits, its place in the order and in how many ms that place and those
-- before it should have been claimed, unless nobody knows. Then its state; nil for a record that is not there.
local function view(id)
  local fields = read(record_key(id), VIEW)
  local state = fields[1] == 'state' and fields[2]
  if not state then return nil end
  local place = state == 'waiting' and redis.call('ZRANK', WAITING, id)
  if place then
    local wait = ms_for(place + 1)
    fields[#fields + 1], fields[#fields + 2] = 'position', place
    if wait >= 0 then fields[#fields + 1], fields[#fields + 2] = 'starts_in_ms', wait end
  end
  return fields, state
end

local LETTER = {'match_id', 'created', 'ended', 'attempts', 'epoch', 'error', 'trace'}

-- A dead letter as it is read: its id, and what it has of the fields.
local function letter(id, fields)
  local out = read(record_key(id), fields)
  out[#out + 1], out[#out + 2] = 'task_id', id
  return out
end

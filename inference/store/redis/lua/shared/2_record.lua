-- A record's life: reading it, and moving it from a state to another.

local FIELDS = {'state', 'seq', 'epoch', 'order', 'created', 'rows', 'attempts', 'claim', 'named', 'begun', 'began',
                'suspect', 'starts_by', 'join', 'listeners', 'worker', 'bytes', 'since'}

-- The record's fields by name, numbers as numbers; nil when there is none.
local function load(id)
  local values = redis.call('HMGET', record_key(id), unpack(FIELDS))
  if not values[1] then return nil end
  local r = {}
  for i, name in ipairs(FIELDS) do r[name] = values[i] or '' end
  for _, name in ipairs({'seq', 'epoch', 'order', 'created', 'rows', 'attempts', 'named', 'begun', 'starts_by', 'bytes', 'since'}) do
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
  fields = fields or {}
  fields.since = now
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

local function to_tombstone(id, r, index)
  release_join(id, r)
  if index == DEAD then redis.call('HINCRBY', META, 'dead_bytes', -r.bytes) end
  redis.call('ZREM', index, id)
  redis.call('DEL', record_key(id))
  redis.call('HSET', record_key(id), 'state', 'forgotten', 'seq', r.seq + 1, 'epoch', r.epoch)
  redis.call('ZADD', TOMBS, now, id)
end

-- Records as they are read by others.

-- How long the workers take to end so many, by the rate that the reaper measured under a backlog; -1 where nobody knows it, or no worker
-- lives.
local function ms_for(records)
  local rate = tonumber(redis.call('HGET', META, 'rate')) or 0
  if redis.call('ZCOUNT', WORKERS, now - 5000, '+inf') == 0 then rate = 0 end
  return rate > 0 and math.ceil(records * 1e12 / rate) or -1
end

local VIEW = {'state', 'seq', 'epoch', 'attempts', 'match_id', 'created', 'begun', 'ended', 'run_ms', 'version', 'result', 'error', 'trace', 'span', 'request'}

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

-- purge: waiting, retry → cancelled, the oldest submission first, and none that was submitted later than it says.
-- Request: before_ms (0: takes nothing and tells the time), most. Reply: before_ms, purged, more (whether others are left).
local PURGED = '{"type":"purged","message":"an operator purged the queue"}'
local PAGE = 100
local before, most = request.before_ms, request.most
local purged, passed, more = 0, 0, false
if before == 0 then before, most = now, 0 end

-- What runs is passed over, and nothing else: so a step looks at no more than what runs, and at what it ends.
repeat
  local page = redis.call('ZRANGEBYSCORE', OUTSTANDING, '-inf', string.format('%.0f', before), 'LIMIT', passed, PAGE)
  for _, id in ipairs(page) do
    local r = load(id)
    if r and (r.state == 'waiting' or r.state == 'retry') then
      if purged == most then more = true break end
      leave_waiting(id, r)
      redis.call('ZREM', RETRY, id)
      to_final(id, r, 'cancelled', {error = PURGED})
      purged = purged + 1
    else
      passed = passed + 1
    end
  end
until more or #page < PAGE

-- Nobody worked at these, so they are nothing that the reaper's measure of the rate may count.
if purged > 0 then redis.call('HINCRBY', META, 'ended_before', purged) end
return reply({before_ms = before, purged = purged, more = more})

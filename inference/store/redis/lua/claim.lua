-- claim: waiting → running. Request: claim_id, worker_id, batch_rows, max_batch_wait_ms, lease_ms.
-- Reply: kind, tickets, wait_ms for 'wait'; records for 'granted', each with task_id, rows and, while it is held, input, age_ms
-- (since it was submitted), epoch, fresh (1: it never began), waited_ms, attempts and, where it has them, trace, span and request.
local claim_id, batch, max_wait = request.claim_id, request.batch_rows, request.max_batch_wait_ms
local ck = claim_key(claim_id)
local status = redis.call('HGET', ck, 'status')

local function remember(word, ...)
  redis.call('HSET', ck, 'status', word, ...)
  -- For an hour; while it holds records for longer, lest a clock that steps by an hour lets a run lose its claim.
  redis.call('PEXPIRE', ck, word == 'granted' and DAY_MS or HOUR_MS)
end

local function grant(ids)
  local records = {}
  for n, id in ipairs(ids) do
    local r = load(id)
    records[n] = {'task_id', id, 'rows', r and r.rows or 0}
    if held(r, claim_id) then
      local since = r.since > 0 and r.since or r.created
      records[n] = read(record_key(id), {'trace', 'span', 'request'})
      for _, value in ipairs({'task_id', id, 'rows', r.rows, 'attempts', r.attempts, 'waited_ms', math.max(0, now - since),
                              'age_ms', math.max(0, now - r.created), 'epoch', r.epoch, 'fresh', r.began == '1' and 0 or 1,
                              'input', redis.call('HGET', record_key(id), 'input')}) do
        records[n][#records[n] + 1] = value
      end
    end
  end
  return reply({kind = 'granted', tickets = missing_tickets(batch), records = records})
end

if status == 'granted' then
  local ids = {}
  for id in string.gmatch(redis.call('HGET', ck, 'ids'), '%S+') do ids[#ids + 1] = id end
  return grant(ids)
elseif status == 'nothing' then
  return reply({kind = 'nothing'})
elseif status == 'closed' then
  return reply({kind = 'nothing', tickets = missing_tickets(batch)})
elseif not status then
  local in_flight = tonumber(redis.call('HGET', META, 'tickets')) or 0
  if in_flight > 0 then redis.call('HSET', META, 'tickets', in_flight - 1) end
end

if paused() > 0 then
  remember('nothing')
  return reply({kind = 'nothing'})
end

-- The lowest in the order decides: a quarantined record alone, else ordinary ones up to the first quarantined one.
local picked, records, rows, oldest, full = {}, {}, 0, now, false
local from, PAGE, PAGES = 0, 64, 32
while not full and from < PAGE * PAGES do
  local page = redis.call('ZRANGE', WAITING, from, from + PAGE - 1)
  for _, id in ipairs(page) do
    local r = load(id)
    local late = r and r.starts_by > 0 and r.starts_by <= now and r.began ~= '1'
    if r and not late then
      if #picked > 0 and (r.suspect == '1' or rows + r.rows > batch) then full = true break end
      picked[#picked + 1], records[id] = id, r
      -- Submitted later than now: the clock stepped back. It has waited long enough, nobody knows how long.
      rows, oldest = rows + r.rows, math.min(oldest, r.created > now and now - max_wait or r.created)
      if r.suspect == '1' or rows >= batch then full = true break end
    end
  end
  if #page < PAGE then break end
  from = from + PAGE
end

-- What still waits is past its time to start: a ticket for it would find nothing either, and ask for the next.
if #picked == 0 then
  remember('nothing')
  return reply({kind = 'nothing'})
end
if not full and now - oldest < max_wait then
  remember('asking')
  return reply({kind = 'wait', wait_ms = math.max(1, max_wait - (now - oldest)), tickets = missing_tickets(batch)})
end

for _, id in ipairs(picked) do
  local r = records[id]
  leave_waiting(id, r)
  change(id, r, 'running', {claim = claim_id, named = #picked, worker = request.worker_id})
  redis.call('ZADD', RUNNING, now + request.lease_ms, id)
end
remember('granted', 'ids', table.concat(picked, ' '))
redis.call('HSET', META, 'repair_step', 0, 'repair_at', 0)
return grant(picked)

-- claim: waiting → running. ARGV: offset, claim_id, worker, batch_rows, lease_ms, max_batch_wait_ms
local claim_id, batch, max_wait = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[6])
local ck = claim_key(claim_id)
local status = redis.call('HGET', ck, 'status')

local function remember(word, ...)
  redis.call('HSET', ck, 'status', word, ...)
  -- For an hour; while it holds records for longer, lest a clock that steps by an hour lets a run lose its claim.
  redis.call('PEXPIRE', ck, word == 'granted' and DAY_MS or HOUR_MS)
end

local function grant(ids, rows_of)
  local reply = {now, 'granted', 0, shortage(batch)}
  for _, id in ipairs(ids) do
    local mine = held(load(id), claim_id)
    reply[#reply + 1] = {id, mine and redis.call('HGET', record_key(id), 'input') or false, redis.call('HGET', record_key(id), 'rows') or 0}
  end
  return reply
end

if status == 'granted' then
  local ids = {}
  for id in string.gmatch(redis.call('HGET', ck, 'ids'), '%S+') do ids[#ids + 1] = id end
  return grant(ids)
elseif status == 'nothing' then
  return {now, 'nothing', 0, 0}
elseif status == 'closed' then
  return {now, 'nothing', 0, shortage(batch)}
elseif not status then
  local guess = tonumber(redis.call('HGET', META, 'tickets')) or 0
  if guess > 0 then redis.call('HSET', META, 'tickets', guess - 1) end
end

-- The lowest in the order decides: a suspect alone, else ordinary ones up to the first suspect.
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
  return {now, 'nothing', 0, 0}
end
if not full and now - oldest < max_wait then
  remember('asking')
  return {now, 'wait', math.max(1, max_wait - (now - oldest)), shortage(batch)}
end

for _, id in ipairs(picked) do
  local r = records[id]
  leave_waiting(id, r)
  change(id, r, 'running', {claim = claim_id, named = #picked, worker = ARGV[3]})
  redis.call('ZADD', RUNNING, now + tonumber(ARGV[5]), id)
end
remember('granted', 'ids', table.concat(picked, ' '))
redis.call('HSET', META, 'repair_step', 0, 'repair_at', 0)
return grant(picked)

-- How many tickets waiting records still need.

-- Whether the model is paused: 0 no, 1 submissions are kept, 2 they are refused.
local function paused() return tonumber(redis.call('HGET', META, 'paused')) or 0 end

-- How many tickets are missing for what waits, at `batch` rows a ticket and one for each suspect. While nothing may start, none.
local function missing_tickets(batch)
  if paused() > 0 then return 0 end
  local rows = tonumber(redis.call('HGET', META, 'waiting_rows')) or 0
  local needed = math.ceil(math.max(rows, 0) / math.max(batch, 1)) + redis.call('ZCARD', SUSPECTS)
  local in_flight = tonumber(redis.call('HGET', META, 'tickets')) or 0
  return math.max(0, needed - in_flight)
end

-- B as the workers last said it; a model that no worker ever served counts a ticket a row.
local function known_batch() return tonumber(redis.call('HGET', META, 'batch')) or 1 end

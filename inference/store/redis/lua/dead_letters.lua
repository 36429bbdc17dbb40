-- Dead letters, the newest first. Request: after_ms ('': from the newest on), after_task_id, error_type ('': any), limit.
-- Reply: letters; next_ms and next_task_id, after which to go on, unless this was the end.
local ended, after, kind, limit = request.after_ms, request.after_task_id or '', request.error_type, request.limit
local PAGE, MOST_SCANNED = 100, 2000
local rows, scanned, last, from, more = {}, 0, {}, 0, true

local function wanted(error_json)
  if kind == '' then return true end
  local decoded, error = pcall(cjson.decode, error_json)
  return decoded and type(error) == 'table' and error.type == kind
end

while more and #rows < limit and scanned < MOST_SCANNED do
  local page = redis.call('ZREVRANGEBYSCORE', DEAD, ended == '' and '+inf' or ended, '-inf', 'WITHSCORES', 'LIMIT', from, PAGE)
  more = #page > 0
  for i = 1, #page, 2 do
    local id, at = page[i], page[i + 1]
    if not (at == ended and id >= after) then
      if #rows == limit then break end
      scanned, last = scanned + 1, {at, id}
      if wanted(redis.call('HGET', record_key(id), 'error') or '') then rows[#rows + 1] = letter(id, LETTER) end
    end
  end
  from = from + PAGE
end
if not more then last = {} end
return reply({letters = rows, next_ms = last[1], next_task_id = last[2]})

-- Dead letters, the newest first. ARGV: offset, ended ('': from the newest on), id, error_type ('': any), limit
-- answers where to go on (ended, id; '' at the end), then for each: id, match_id, created, ended, attempts, epoch, error, trace.
local ended, after, kind, limit = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local PAGE, MOST_SCANNED = 100, 2000
local rows, scanned, last, from, more = {}, 0, {'', ''}, 0, true

local function wanted(error_json)
  if kind == '' then return true end
  local read, error = pcall(cjson.decode, error_json)
  return read and type(error) == 'table' and error.type == kind
end

while more and #rows < limit and scanned < MOST_SCANNED do
  local page = redis.call('ZREVRANGEBYSCORE', DEAD, ended == '' and '+inf' or ended, '-inf', 'WITHSCORES', 'LIMIT', from, PAGE)
  more = #page > 0
  for i = 1, #page, 2 do
    local id, at = page[i], page[i + 1]
    if not (at == ended and id >= after) then
      if #rows == limit then break end
      scanned, last = scanned + 1, {at, id}
      local values = redis.call('HMGET', record_key(id), 'match_id', 'created', 'ended', 'attempts', 'epoch', 'error', 'trace')
      if wanted(values[6] or '') then
        for n = 1, 7 do values[n] = values[n] or '' end
        rows[#rows + 1] = {id, unpack(values)}
      end
    end
  end
  from = from + PAGE
end
if not more then last = {'', ''} end
return {now, last[1], last[2], unpack(rows)}

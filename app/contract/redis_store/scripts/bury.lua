-- bury: failure → tombstone, by an operator. ARGV: offset, id ; answers whether it is a tombstone.
local id = ARGV[2]
local r = load(id)
if not r then return {now, 0} end
if r.state == 'failure' then to_tombstone(id, r, DEAD) return {now, 1} end
return {now, r.state == 'forgotten' and 1 or 0}

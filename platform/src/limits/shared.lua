-- Takes one from each bucket of KEYS, or from none if one of them has none left. A bucket is the time at which it is full
-- again, in microseconds; for each, ARGV holds the interval and the capacity of its rate. The clock is this server's, so that
-- those of the instances do not matter. Answers whether it was let through, then the debt of each.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local debts, admitted = {}, 1
for i, key in ipairs(KEYS) do
  debts[i] = math.max((tonumber(redis.call('GET', key)) or now) - now, 0)
  if debts[i] + tonumber(ARGV[2 * i - 1]) > tonumber(ARGV[2 * i]) then admitted = 0 end
end
if admitted == 1 then
  for i, key in ipairs(KEYS) do
    debts[i] = debts[i] + tonumber(ARGV[2 * i - 1])
    redis.call('SET', key, string.format('%.0f', now + debts[i]), 'PX', math.ceil(debts[i] / 1000))
  end
end
table.insert(debts, 1, admitted)
return debts

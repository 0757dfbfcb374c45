# Runs RSpec with a time limit for each example: a client that waits for an answer may wait for ever.

require "timeout"
require "rspec/core"

SECONDS = 60

RSpec.configure do |config|
  config.around { |example| Timeout.timeout(SECONDS, &example) }
end

exit RSpec::Core::Runner.run(ARGV)

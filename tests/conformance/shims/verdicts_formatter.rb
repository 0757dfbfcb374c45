# A formatter for RSpec: one line for each example as soon as it has ended.

require "rspec/core"

class VerdictsFormatter
  RSpec::Core::Formatters.register self, :example_passed, :example_failed, :example_pending

  def initialize(output)
    @output = output
  end

  def example_passed(notification) = write("pass", notification.example)

  def example_failed(notification) = write("fail", notification.example)

  def example_pending(notification) = write("skip", notification.example)

  private

  def write(verdict, example)
    # Some examples have no description of their own, and then it is made up from what they compare.
    name = example.metadata[:description_args].any? ? example.full_description : example.location
    @output.puts("#{verdict}\t#{name.gsub(/\s+/, ' ')}")
    @output.flush
  end
end

'use strict'

// The queue as Leveret declares it, for both programs: whoever comes first creates it, and all must agree on how. What
// cannot be done goes to `dots.dead`.

module.exports = async (channel) => {
  await channel.assertQueue('dots', { deadLetterExchange: '', deadLetterRoutingKey: 'dots.dead' })
  await channel.assertQueue('dots.dead')
  return 'dots'
}

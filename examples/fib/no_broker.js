'use strict'

// Says why there is no connection, and to whoever tries the examples first how to start a broker: amqplib's own words
// end at ECONNREFUSED.

const START = 'nothing listens there: start a broker, by leveret-broker, docker run -p 5672:5672 rabbitmq, ' +
  'apt install rabbitmq-server, or brew install rabbitmq && brew services start rabbitmq'

module.exports = (error) => {
  const why = error.message || error.code
  return error.code === 'ECONNREFUSED' ? `${why}; ${START}` : why
}

// An AS2 partner that is libas2 and an HTTP server. POST /as2 takes a message and answers its MDN; POST /send has it post one.
// Its only argument is JSON: us, them (names), certificate, key (its own, PEM), partner (the other's certificate, PEM).
import http from 'node:http'
import libas2 from 'libas2'

const { AS2Composer, AS2Parser } = libas2
const given = JSON.parse(process.argv[2])
const received = []

const agreement = (url, { encrypt = 'aes256-CBC', sign = 'sha-256', digest = 'sha-256' } = {}) => ({
  host: {
    name: given.us, id: given.us, url: 'http://127.0.0.1/as2', certificate: given.certificate, privateKey: given.key,
    decrypt: true, sign, mdn: { async: false, signing: digest }
  },
  partner: {
    name: given.them, id: given.them, url, file: 'EDIX12', certificate: given.partner, encrypt, verify: true,
    mdn: { async: false, signing: digest }
  }
})

const body = async stream => {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

// The headers of a MIME message on one line each, and its body, byte for byte.
const split = whole => {
  const end = whole.indexOf('\r\n\r\n')
  const headers = {}
  for (const line of whole.subarray(0, end).toString('latin1').replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon)] = line.slice(colon + 1).trim()
  }
  return [headers, whole.subarray(end + 4)]
}

const take = async (request, response) => {
  const node = await AS2Parser.parse({ headers: request.rawHeaders, content: await body(request) })
  const { contentNode, dispositionNode } = await node.dispositionOut({ agreement: agreement('http://127.0.0.1/') })
  if (contentNode) {
    received.push({ document: Buffer.from(contentNode.content).toString('base64'), id: node.messageId() })
  }
  const [headers, mdn] = split(await dispositionNode.build())
  response.writeHead(200, headers)
  response.end(mdn)
}

const send = async (request, response) => {
  const { url, document, ...how } = JSON.parse(await body(request))
  const agreed = agreement(url, how)
  const composer = new AS2Composer({
    message: { filename: 'answer.edi', content: Buffer.from(document, 'base64'), contentType: 'application/edi-x12' },
    agreement: agreed
  })
  const message = await composer.compile()
  const [headers, content] = split(await message.build())
  const answer = await fetch(url, { method: 'POST', headers, body: content })
  const raw = Buffer.from(await answer.arrayBuffer())
  const mdn = await AS2Parser.parse({ headers: Object.fromEntries(answer.headers), content: raw })
  const disposition = await mdn.dispositionIn({ cert: given.partner }) // throws where the signature is not right
  const { originalMessageId, receivedContentMic, disposition: what } = disposition.notification
  response.end(JSON.stringify({ status: answer.status, ours: message.messageId(), originalMessageId, receivedContentMic, what }))
}

const routes = { '/as2': take, '/send': send, '/received': async (_, response) => response.end(JSON.stringify(received)) }
const server = http.createServer((request, response) => {
  routes[request.url](request, response).catch(error => {
    response.writeHead(500)
    response.end(`${error?.stack ?? error}`)
  })
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ ready: server.address().port })))

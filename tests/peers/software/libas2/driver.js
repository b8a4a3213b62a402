// Drives libas2: a receiver on the loopback, and documents sent on request (see tests/peers/peer.py).
'use strict'
const fs = require('fs')
const http = require('http')
const path = require('path')
const readline = require('readline')
const { createRequire } = require('module')
const { AS2Composer, AS2Crypto, AS2MimeNode, AS2Parser } = createRequire(path.join(process.argv[2], 'driver.js'))('libas2')

const FOLDER = process.env.PEER
const SAID = Object.fromEntries(
  read('peer.properties')
    .trim()
    .split('\n')
    .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
)
const CIPHERS = {
  'aes-128-cbc': 'aes128-CBC',
  'aes-192-cbc': 'aes192-CBC',
  'aes-256-cbc': 'aes256-CBC',
  'aes-256-gcm': 'aes256-GCM',
  '3des-cbc': 'des-EDE3-CBC'
}
const FORMS = SAID.forms.split(',')
const waiting = new Map()
let count = 0

function read (name) {
  return fs.readFileSync(path.join(FOLDER, name), 'utf8')
}

function said (form, key) {
  return SAID[`${form}.${key}`]
}

function agreement (form) {
  const signing = said(form, 'receipt_signed') === 'true' ? said(form, 'sign') || 'sha-256' : false
  const receipt = said(form, 'receipt') === 'none' ? undefined : { async: said(form, 'receipt') === 'async', signing }
  return {
    host: {
      name: 'peer',
      id: said(form, 'name'),
      url: SAID.receipt_url,
      certificate: read('own.cert.pem'),
      privateKey: read('own.key.pem'),
      decrypt: said(form, 'encrypt') !== '',
      sign: said(form, 'sign') || false,
      mdn: receipt
    },
    partner: {
      name: 'gateway',
      id: SAID.gateway,
      url: said(form, 'gateway_url'),
      file: 'EDIFACT',
      certificate: read('gateway.cert.pem'),
      encrypt: CIPHERS[said(form, 'encrypt')] || false,
      verify: said(form, 'sign') !== '',
      mdn: { signing }
    }
  }
}

function post (url, headers, body, chunked) {
  return new Promise((resolve, reject) => {
    const octets = Buffer.from(body)
    const length = chunked ? {} : { 'Content-Length': octets.length }
    const asking = http.request(url, { method: 'POST', headers: { ...headers, ...length }, agent: false }, answer => {
      gathered(answer).then(content => resolve({ status: answer.statusCode, headers: answer.rawHeaders, content }), reject)
    })
    asking.on('error', reject)
    for (let at = 0; at < octets.length; at += 65536) asking.write(octets.subarray(at, at + 65536))
    asking.end()
  })
}

async function gathered (stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function judged (headers, content) {
  const node = await AS2Parser.parse({ headers, content })
  const signed = node.signed ? { cert: read('gateway.cert.pem') } : undefined
  const { notification } = await node.dispositionIn(signed)
  const { disposition } = notification
  const error = disposition.description ? `${disposition.description.type}: ${disposition.description.text}` : ''
  return {
    id: notification.originalMessageId,
    disposition: disposition.processed && !error ? 'processed' : `processed/${error}`,
    signed: Boolean(signed),
    theirs: notification.receivedContentMic,
    error
  }
}

// The digest that the library has for the same content: it keeps none of what it sends.
async function own (form, message, agreed) {
  if (!agreed.host.sign) return undefined
  const { certificate: cert, privateKey: key, sign: algorithm } = agreed.host
  const signed = await new AS2MimeNode(message).sign({ cert, key, algorithm })
  const parsed = await AS2Parser.parse(await signed.build())
  return await AS2Crypto.verify(parsed, { cert }, true)
}

function compared (ours, theirs) {
  if (!ours || !theirs) return 'absent'
  return ours.digest.toString('base64') === theirs.mic ? 'equal' : 'different'
}

async function send (form, file, name) {
  const agreed = agreement(form)
  const message = { filename: name, contentType: 'application/octet-stream', content: fs.readFileSync(file) }
  const composer = new AS2Composer({ message, agreement: agreed })
  const { headers, body } = await composer.toRequestOptions()
  const id = composer.message.messageId()
  const receipt = new Promise(resolve => waiting.set(id, resolve))
  const answer = await post(said(form, 'gateway_url'), headers, body, said(form, 'chunked') === 'true')
  if (said(form, 'receipt') === 'none') return { status: answer.status }
  if (answer.status >= 300) return { status: answer.status, error: answer.content.toString() }
  const told =
    said(form, 'receipt') === 'async' ? await receipt : await judged(answer.headers, answer.content)
  return { ...told, status: answer.status, mic: compared(await own(form, message, agreed), told.theirs) }
}

function deliver (to, node) {
  const number = String(++count).padStart(4, '0')
  const stem = path.join(FOLDER, 'received', number)
  fs.writeFileSync(`${stem}.bin`, node.content)
  fs.writeFileSync(`${stem}.tmp`, JSON.stringify({ to, name: node.filename || '' }))
  fs.renameSync(`${stem}.tmp`, `${stem}.json`)
}

async function receive (request, response) {
  const content = await gathered(request)
  if (request.url === '/receipts') {
    const told = await judged(request.rawHeaders, content)
    response.end('taken')
    waiting.get(told.id)(told)
    return
  }
  const to = request.headers['as2-to']
  const form = FORMS.find(known => said(known, 'name') === to)
  const node = await AS2Parser.parse({ headers: request.rawHeaders, content })
  const { contentNode, dispositionNode, disposition } = await node.dispositionOut({ agreement: agreement(form) })
  if (disposition.notification.disposition.processed) deliver(to, contentNode)
  else console.error(disposition.explanation, disposition.notification.disposition)
  const receipt = await dispositionNode.buildObject()
  const url = request.headers['receipt-delivery-option']
  if (!request.headers['disposition-notification-to'] || url) {
    response.end('taken')
    if (url) await post(url, receipt.headers, receipt.body, false)
    return
  }
  response.writeHead(200, receipt.headers)
  response.end(receipt.body)
}

async function main () {
  const server = http.createServer((request, response) => {
    receive(request, response).catch(error => {
      console.error(error)
      response.statusCode = 500
      response.end(String(error))
    })
  })
  await new Promise(resolve => server.listen(Number(SAID.port), '127.0.0.1', resolve))
  console.log(JSON.stringify({ ready: true }))
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [, form, file, name] = line.split('\t')
    const told = await send(form, file, name).catch(error => {
      console.error(error)
      return { error: String(error) }
    })
    console.log(JSON.stringify(told))
  }
  process.exit(0)
}

main()

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { runProgram } from './processes.ts'

/** A port that was free a moment ago; for programs that cannot be told to choose one. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts Debian's nginx with one `server` block and gives back its port. `$PORT` and `$DIR` are replaced in the block. */
export async function startNginx (t: Test, serverBlock: string): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-nginx-'))
  t.teardown(() => { rmSync(directory, { recursive: true }) })
  const port = await freePort()
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, `
daemon off;
pid ${directory}/nginx.pid;
error_log stderr notice;
worker_processes 1;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory}; uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  large_client_header_buffers 8 64k;
  ${serverBlock.replaceAll('$PORT', String(port)).replaceAll('$DIR', directory)}
}
`)
  const nginx = runProgram(t, 'nginx', ['-c', file, '-e', 'stderr'])
  await nginx.line(line => line.includes('start worker process '))
  return port
}

/** Listens on loopback and answers every request with the exact bytes of its head, as text/plain. */
export async function startHeadEcho (t: Test): Promise<number> {
  const server: Server = createServer(socket => {
    let head = ''
    socket.on('error', () => { socket.destroy() })
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      const body = head.slice(0, end)
      head = ''
      socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, 'latin1')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

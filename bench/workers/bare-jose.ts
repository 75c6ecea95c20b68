import { Hono } from 'hono';
import { createLocalJWKSet, type JWTVerifyGetKey, jwtVerify } from 'jose';

/** What one writes first: the signature of every token verified anew, keys in memory, and nobody asked anything. */
const app = new Hono<{ Bindings: { JWKS: string; AUTH_ISSUER: string; AUTH_AUDIENCE: string } }>();
let keys: JWTVerifyGetKey | undefined;

app.get('/', async (c) => {
  keys ??= createLocalJWKSet(JSON.parse(c.env.JWKS));
  const token = (c.req.header('authorization') ?? '').slice('Bearer '.length);
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ['EdDSA'],
    issuer: c.env.AUTH_ISSUER,
    audience: c.env.AUTH_AUDIENCE,
  });
  return c.json({ userId: payload.sub });
});

export default app;

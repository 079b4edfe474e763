// The certified provider `oidc-provider`, with people whom the test changes while it runs and nobody who types anything.
// node server.js FOLDER-WITH-NODE_MODULES CLIENT_SECRET: prints its port; reads lines of JSON such as
// {"current": "anna", "people": {"anna": {"roles": ["admins"]}}, "redirects": ["..."]} and answers each with a line.
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');
const http = require('node:http');
const readline = require('node:readline');

const [folder, secret] = process.argv.slice(2);
const resolve = createRequire(`${folder}/package.json`);
const state = { current: null, people: {}, redirects: [], refuses: false };

async function main() {
  const { Provider } = await import(pathToFileURL(resolve.resolve('oidc-provider')).href);
  const server = http.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = {
    client_id: 'rollcall', client_secret: secret, grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'], redirect_uris: ['http://127.0.0.1/'], token_endpoint_auth_method: 'client_secret_post',
    post_logout_redirect_uris: ['http://127.0.0.1/'],
  };
  const provider = new Provider(issuer, {
    clients: [client],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'roles'], email: ['email'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    cookies: { keys: ['test'] },
    ttl: { Session: 3600, Grant: 3600, IdToken: 3600, AccessToken: 3600, RefreshToken: 3600, Interaction: 600 },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: async () => !state.noRefresh,
    findAccount: (_ctx, id) => state.people[id] && {
      accountId: id, claims: () => ({ sub: id, name: id, ...state.people[id] }),
    },
  });
  // Redirect addresses are known when the test's own server runs.
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id) => {
    const found = await find(id);
    if (found) { found.redirectUris = state.redirects; found.postLogoutRedirectUris = state.redirects; }
    return found;
  };
  const callback = provider.callback();
  server.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return callback(request, response);
    try {
      const details = await provider.interactionDetails(request, response);
      if (state.refuses) {
        return await provider.interactionFinished(request, response, { error: 'access_denied' });
      }
      let { grantId } = details;
      const accountId = details.session ? details.session.accountId : state.current;
      const result = { login: { accountId: state.current } };
      if (details.prompt.name === 'consent') {
        const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId, clientId: 'rollcall' });
        grant.addOIDCScope(details.params.scope);
        result.consent = { grantId: await grant.save() };
      }
      return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    } catch (error) {
      response.statusCode = 500;
      return response.end(String(error));
    }
  });
  console.log(JSON.stringify({ issuer }));
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => { Object.assign(state, JSON.parse(line)); console.log('{}'); });
  // The test that started it is gone.
  lines.on('close', () => process.exit(0));
}
main();

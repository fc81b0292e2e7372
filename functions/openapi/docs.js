// No page can set the header Origin: browsers do. Servers that call with a public key can, so the document has it.
const withoutOrigin = (system) => ({
  wrapComponents: {
    parameterRow: (Row) => (props) =>
      props.param.get("name") === "Origin" ? null : system.React.createElement(Row, props),
  },
});

const docs = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 3,
  plugins: [withoutOrigin],
  onComplete: () => Object.entries(demoKeys).forEach(([scheme, key]) => docs.preauthorizeApiKey(scheme, key)),
});

// No page can set the header Origin: browsers do. Servers that call with a public key can, so the document has it.
const withoutOrigin = (system) => ({
  wrapComponents: {
    parameterRow: (Row) => (props) =>
      props.param.get("name") === "Origin" ? null : system.React.createElement(Row, props),
  },
});

// Under `make run`, what the first request takes is in the demo data.
const { keys = {}, parameters = {}, parametersOf = {} } = filledIn;
const withExamples = {
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => {
          for (const operation of Object.values(document.paths).flatMap(Object.values)) {
            const examples = { ...parameters, ...parametersOf[operation.operationId] };
            for (const parameter of operation.parameters)
              if (parameter.name in examples) parameter.example = examples[parameter.name];
          }
          return update(document);
        },
      },
    },
  },
};

const docs = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 3,
  plugins: [withoutOrigin, withExamples],
  onComplete: () => Object.entries(keys).forEach(([scheme, key]) => docs.preauthorizeApiKey(scheme, key)),
});

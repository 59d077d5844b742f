"""What a partner is offered, in the languages of its tools: WSDL for SOAP, OpenAPI for REST."""
